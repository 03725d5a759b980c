"""The WSGI application that gunicorn serves."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

# By which gunicorn knows that starting the worker again would not help (`Arbiter.APP_LOAD_ERROR`).
CANNOT_LOAD = 4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings.prod")
try:
    application = get_wsgi_application()

    from backend.ops.checks import refuse_demo_data  # apps must be ready first
    from backend.ops.single_process import refuse_second_process

    refuse_demo_data()
    refuse_second_process()
except ImproperlyConfigured as error:
    sys.stderr.write(f"{error}\n")  # one line that says what to set, not a traceback
    sys.exit(CANNOT_LOAD)
