"""The indexer: one git repository in, rows of files and symbols out. Knows no HTTP, no database.

`python -m worker.indexer REQUEST.json` is one job in a process of its own. The request file holds a
`protocol.Request`. Standard output is JSON, one event a line (`protocol.Event`): progress, at
most two a second for each phase and its last one, then exactly one result or unchanged (exit
code 0) or error (exit code 1). Standard error is for operators. The rows are four files in
Postgres COPY text format in the scratch folder, which belongs to the caller: it makes it, empty,
and removes it.

    files.copy     file_no, path, language or null, bytes, blob_sha, symbol_count or null
    symbols.copy   file_no, name, kind, start_line, end_line, parent or null
    gone.copy      id
    skipped.copy   path, reason

They grow while files are parsed: a file's row is there before those of its symbols, and the last
line may not be whole. symbol_count is null where a file could not be parsed. gone.copy has the ids
of those rows that the request knows and that hold no longer; the other known rows are not in
files.copy. skipped.copy has the files of the whole tree that are left out, also when an earlier
index is known: each path once, at most 2,000 bytes of it, the first 10,000. The stats count all.

Whatever ends the process, its git and parser processes end with it.
"""
