"""An embedded PostgreSQL, as a Django database engine: ``ENGINE = "c4c_site.postgres"``.

The server starts at the first connection, never at import, and lives in the folder that ``DATA_DIR`` names.
All processes of one folder share one server; the last to leave in order stops it.
"""
