"""Tenure's billing server behind a Django project.

Start with ``path("api/", include("tenure_django.urls"))`` and the ``TENURE`` setting; the README has
the five-minute path. Nothing here decides anything about billing: the server does.
"""

__version__ = "0.1.0"
