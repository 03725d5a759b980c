#!/bin/sh
# The job before every start: migrations, indexes, and the checks of a deployment. It may be run again at any time.
set -eu
python manage.py migrate --noinput
python manage.py create_indexes
python manage.py check --deploy
