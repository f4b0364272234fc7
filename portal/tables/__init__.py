"""Tables: what a schema asks for, and reading a file against it. No Django.

A file passes in batches of a few megabytes (:mod:`csv_file`, :mod:`parquet_file`), every batch is
parsed and checked (:mod:`values`, :mod:`checks`), and only a file without a problem becomes a
table: in memory (:func:`read_table`) or as Parquet (:func:`convert_table`).
"""

from portal.tables.conversion import ConvertedTable, StoredColumn, convert_table
from portal.tables.limits import Limits
from portal.tables.problems import Problem, TableRefused
from portal.tables.profile import profile_table
from portal.tables.reading import LoadedTable, check_references, read_table, subgroup_columns
from portal.tables.schema import Column, Kind, TableSchema

__all__ = [
    "Column",
    "ConvertedTable",
    "Kind",
    "Limits",
    "LoadedTable",
    "Problem",
    "StoredColumn",
    "TableRefused",
    "TableSchema",
    "check_references",
    "convert_table",
    "profile_table",
    "read_table",
    "subgroup_columns",
]
