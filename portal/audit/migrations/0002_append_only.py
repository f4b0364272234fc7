"""The log is only ever added to; the database itself refuses everything else.

Plain SQL instead of a declared trigger: those of pgtrigger can be told to step aside for a while
(``pgtrigger.ignore``), and this one must not be, not by the application's own account either.
"""

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION audit_entry_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_entry_is_append_only: the log is never changed (% refused)', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END;
$$;
CREATE TRIGGER audit_entry_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_is_append_only();
"""
UNDO = """
DROP TRIGGER audit_entry_is_append_only ON audit_entry;
DROP FUNCTION audit_entry_is_append_only();
"""


class Migration(migrations.Migration):

    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunSQL(APPEND_ONLY, UNDO)]
