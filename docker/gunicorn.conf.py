"""Gunicorn in the container: four workers, patient with reports, each replaced after a while."""

import os

bind = "0.0.0.0:8000"  # the container's network has no other way in
# WEB_CONCURRENCY counts all processes on all hosts (the settings divide throttles by it), where it is not the same.
workers = int(os.environ.get("GUNICORN_WORKERS") or os.environ.get("WEB_CONCURRENCY") or 4)
worker_class = "gthread"
threads = 4
timeout = 120
graceful_timeout = 30
keepalive = 75  # longer than nginx keeps its connections: it never writes into one that is being closed
max_requests = 5000
max_requests_jitter = 500
# Each worker loads the application itself: a MongoClient does not survive a fork, and HUP reads the secrets anew.
preload_app = False
worker_tmp_dir = "/dev/shm"  # noqa: S108 - the root is read-only, and a heartbeat on a disk can block
accesslog = None  # nginx writes it
errorlog = "-"
