"""Django's own apps, configured for ObjectId keys."""

from django.contrib.admin import apps as admin
from django.contrib.auth import apps as auth
from django.contrib.contenttypes import apps as contenttypes

OBJECT_ID = "django_mongodb_backend.fields.ObjectIdAutoField"


class MongoAdminConfig(admin.AdminConfig):
    """Django's admin with ObjectId keys and this product's site."""

    default_auto_field = OBJECT_ID
    default_site = "backend.core.admin_site.BackOffice"


class MongoAuthConfig(auth.AuthConfig):
    """Django's auth with ObjectId keys."""

    default_auto_field = OBJECT_ID


class MongoContentTypesConfig(contenttypes.ContentTypesConfig):
    """Django's content types with ObjectId keys."""

    default_auto_field = OBJECT_ID
