"""Leave room on a page for the updates of its rows, so that a transition need not write to every index."""

from django.db import migrations

FILL = (("c4c_executions_execution", 50), ("c4c_executions_noderun", 60), ("c4c_executions_executor", 50))


class Migration(migrations.Migration):
    dependencies = [("c4c_executions", "0001_initial")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} SET (fillfactor = {percent})", f"ALTER TABLE {table} RESET (fillfactor)"
        )
        for table, percent in FILL
    ]
