"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings.prod")

application = get_wsgi_application()

from backend.ops.checks import refuse_demo_data  # noqa: E402  # apps must be ready first

refuse_demo_data()
