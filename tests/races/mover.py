"""A process with its own connection. Runs each line of its input as a statement.

Prints `ready` when connected, then one line of JSON for each statement: the first column of
the first row as text, or SQLSTATE and detail of the error.
"""

from __future__ import annotations

import json
import sys

import psycopg


def main(url: str) -> None:
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        print("ready", flush=True)
        for line in sys.stdin:
            try:
                row = connection.execute(line.encode()).fetchone()
                answer = {"value": None if row is None else str(row[0])}
            except psycopg.Error as error:
                answer = {"refusal": f"{error.sqlstate} {error.diag.message_detail}"}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
