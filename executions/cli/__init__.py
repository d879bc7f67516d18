"""The command line: ``c4c …``, and the same as ``manage.py c4c …``.

One module per subcommand (or family), each offering ``Subcommand`` values; ``registry`` is the table of them.
"""
