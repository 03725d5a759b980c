"""App configurations: core's own, and Django's apps with ObjectId keys."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig

OBJECT_ID = "django_mongodb_backend.fields.ObjectIdAutoField"


class CoreConfig(AppConfig):
    """The core app."""

    name = "backend.core"
    label = "core"


class MongoAdminConfig(AdminConfig):
    """Django's admin with ObjectId keys."""

    default_auto_field = OBJECT_ID
    default_site = "backend.core.admin_site.BackOffice"


class MongoAuthConfig(AuthConfig):
    """Django's auth with ObjectId keys."""

    default_auto_field = OBJECT_ID


class MongoContentTypesConfig(ContentTypesConfig):
    """Django's content types with ObjectId keys."""

    default_auto_field = OBJECT_ID
