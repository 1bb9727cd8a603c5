"""The same project with the async billing views."""

from django.urls import include, path

from .urls import pages

urlpatterns = [path("api/", include("tenure_django.async_urls")), *pages]
