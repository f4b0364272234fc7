"""The SHAIPED portal: everything that the use cases share."""

__version__ = "0.1.0"
