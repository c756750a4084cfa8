"""The indexer: one git repository in, rows of files and symbols out. Knows no HTTP, no database.

`python -m api.indexer REQUEST.json` is one job in a process of its own. The request file holds a
`protocol.Request`. Standard output is JSON, one event a line (`protocol.Event`): progress, at
most two a second for each phase and its last one, then exactly one result (exit code 0) or error
(exit code 1). Standard error is for operators. The rows are two files in Postgres COPY text
format in the scratch folder, which belongs to the caller: it makes it, empty, and removes it.

    files.copy     file_no, path, language or null, bytes, blob_sha
    symbols.copy   file_no, name, kind, start_line, end_line, parent or null

Whatever ends the process, its git and parser processes end with it.
"""
