"""Le portrait ouvert et reproductible des petites villes de France : le code du livre."""

__version__ = "0.1.0"
