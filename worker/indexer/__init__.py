"""The indexer: turns a git repository into rows of files and symbols. Uses no HTTP, no database.

`python -m worker.indexer REQUEST.json` runs one job in its own process. The request file contains a
`protocol.Request`. Standard output is JSON, one event per line (`protocol.Event`): at most two
progress events per second and the last one of each phase, then exactly one result or unchanged
(exit code 0) or error (exit code 1). Standard error is for operators. The rows are four files in
Postgres COPY text format in the scratch folder. The caller creates it, empty, and removes it.

    files.copy     file_no, path, language or null, bytes, blob_sha, symbol_count or null
    symbols.copy   file_no, name, kind, start_line, end_line, parent or null
    gone.copy      id
    skipped.copy   path, reason

They grow while files are parsed. A file's row is written before those of its symbols, and the last
line may be incomplete. symbol_count is null if a file could not be parsed. gone.copy has the ids of
the request's known rows that are no longer valid; the other known rows are not in files.copy.
skipped.copy has the skipped files of the whole tree, even if an earlier index is known: each path
once, cut to 2,000 bytes, and at most 10,000 of them. The stats count all.

However the process ends, its git and parser processes end with it.
"""
