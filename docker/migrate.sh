#!/bin/sh
# The job before every start: migrations and indexes, by one job at a time, and the checks of a deployment.
# One that was killed may be run again at any time; docs/guides/deploy.en.md says what it does.
set -eu
python manage.py migrate_database --wait 120
python manage.py check --deploy
