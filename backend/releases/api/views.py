"""Which client is the newest: public, since a client asks before anybody has logged in."""

from django.http import HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from backend.core.api import json_answer
from backend.core.openapi import describe
from backend.core.parsing import Answer
from backend.releases.selectors import current_release


class LatestClient(Answer):
    """The newest client and the oldest that may log in."""

    latest: str
    minimum: str


class LatestClientView(APIView):
    """`GET client/latest`."""

    permission_classes = [AllowAny]

    @describe(summary="The newest client and the oldest that may log in.", answers={200: LatestClient})
    def get(self, request: object) -> HttpResponse:
        release = current_release()
        return json_answer(LatestClient(latest=release["version"], minimum=release["minimum"]))
