"""What every app uses: the database, indexes, problems, time, money, ids and the base of the API."""
