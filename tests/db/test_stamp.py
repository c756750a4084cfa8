"""The stamp tool: contents of migrations, and findings of the check."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlparse

from db.tools import stamp, versions
from db.tools.stamp.__main__ import main
from db.tools.stamp.write import REPLAN

CAN_SEE = "db/functions/private/can_see.sql"
IS_OPEN = "db/functions/private/is_open.sql"
WRITE_NOTE = "db/functions/write_note.sql"
NOTES = "db/policies/notes.sql"


def at(text: str, *parts: str) -> list[int]:
    """Returns the positions of the parts in a text, which must contain each."""
    return [text.index(part) for part in parts]


def in_this_order(text: str, *parts: str) -> bool:
    return at(text, *parts) == sorted(at(text, *parts))


def newest(small_project: Any) -> str:
    return stamp.migration_files(small_project.root)[-1].name


# --- new --------------------------------------------------------------------------------------


def code(text: str) -> str:
    """Returns a declared file from its first statement on, without blank lines outside bodies."""
    text = text[min(at for at in map(text.find, ("\ncreate", "\nalter")) if at > 0) + 1 :]
    parts = re.split(r"(\nas \$\$.*\n\$\$;)", text, flags=re.DOTALL)
    parts[::2] = [part.replace("\n\n", "\n") for part in parts[::2]]
    return "".join(parts)


def test_migration_embeds_every_file_without_its_header_comment(small_project: Any) -> None:
    forward, _ = small_project.stamp("init")
    declared = {
        path: code(small_project.path(path).read_text())
        for path in (CAN_SEE, IS_OPEN, WRITE_NOTE, NOTES)
    }
    assert dict(stamp.stamps(forward)) == declared
    assert "-- a comment; with a quote's start" in declared[WRITE_NOTE]
    assert "\n\n  return query" in declared[WRITE_NOTE]


def test_change_of_a_header_comment_needs_no_migration(stamped: Any) -> None:
    stamp.freeze(stamped.root)
    stamped.edit(WRITE_NOTE, "-- Writes one note", "-- Writes a note, no more")
    assert stamped.check() == []
    stamped.edit(WRITE_NOTE, "-- a comment", "-- another comment")
    assert f"{WRITE_NOTE}: changed since it was stamped" in stamped.check()[0]


def test_dependencies_of_policies_and_sql_functions_come_first(small_project: Any) -> None:
    forward, _ = small_project.stamp("init")
    order = [stamp.STAMP + path + "\n" for path in (IS_OPEN, CAN_SEE, NOTES, WRITE_NOTE)]
    assert in_this_order(forward, stamp.HANDOVER, *order, stamp.HANDBACK)


def test_mutually_dependent_functions_are_all_stamped(small_project: Any) -> None:
    small_project.edit(IS_OPEN, "select false", "select private.can_see('x')")
    forward, _ = small_project.stamp("init")
    assert len(list(stamp.stamps(forward))) == 4


def test_each_migration_depends_on_the_one_before(stamped: Any) -> None:
    first = newest(stamped)
    small_project = stamped
    small_project.edit(IS_OPEN, "select false", "select true")
    forward, _ = small_project.stamp("open_up")
    assert stamp.DEPENDS not in (small_project.migrations / first).read_text()
    assert f"\n{stamp.DEPENDS} {first.removesuffix('.sql')}\n" in forward


def test_migration_ends_with_its_version_and_rollback_with_the_previous(
    stamped: Any,
) -> None:
    first = stamp.migration_files(stamped.root)[0]
    stamped.edit(IS_OPEN, "select false", "select true")
    forward, rollback = stamped.stamp("open_up")
    above, said = versions.split(forward)
    assert said is not None
    text = hashlib.sha256(above.encode()).hexdigest()[:12]
    line = f"'schema version {newest(stamped)[:14]}, text {text}, serves {first.name[:14]}'"
    assert forward == f"{above}comment on schema private is {line};\n"
    assert rollback.splitlines()[-1] == first.read_text().splitlines()[-1]


def test_name_becomes_snake_case_and_number_is_the_utc_time(small_project: Any) -> None:
    before = f"{datetime.now(UTC):%Y%m%d%H%M%S}"
    small_project.stamp("Add Note-writing!")
    assert newest(small_project)[14:] == "_add_note_writing.sql"
    assert before <= newest(small_project)[:14] <= f"{datetime.now(UTC):%Y%m%d%H%M%S}"


def test_numbers_grow_even_when_the_newest_is_in_the_future(small_project: Any) -> None:
    small_project.write("db/migrations/29991231235959_far.sql", "select 1;\n")
    small_project.write("db/migrations/29991231235959_far.rollback.sql", "select 1;\n")
    small_project.stamp("init")
    assert newest(small_project).startswith("30000101000000_")


def test_no_change_gives_no_migration(stamped: Any, capsys: Any) -> None:
    stamp.freeze(stamped.root)
    before = sorted(stamped.migrations.iterdir())
    assert main(["migration", "idle", "--root", str(stamped.root)]) == 1
    assert "nothing changed" in capsys.readouterr().err
    assert sorted(stamped.migrations.iterdir()) == before


def test_empty_migration_on_request_contains_no_owner_changes(stamped: Any) -> None:
    stamp.freeze(stamped.root)
    assert main(["migration", "by_hand", "--empty", "--root", str(stamped.root)]) == 0
    forward = (stamped.migrations / newest(stamped)).read_text()
    assert "grant job_writer" not in forward
    assert list(stamp.stamps(forward)) == []


def test_migration_and_rollback_invalidate_cached_plans(stamped: Any) -> None:
    for text in stamped.stamp("by_hand"):
        assert f"\n{REPLAN}{stamp.RELOAD}\n" in text


def test_stamped_changes_are_printed(stamped: Any, capsys: Any) -> None:
    stamped.edit(IS_OPEN, "select false", "select true")
    stamped.write("db/functions/private/is_shut.sql", is_shut(stamped))
    stamped.path(WRITE_NOTE).unlink()
    assert main(["migration", "mixed", "--root", str(stamped.root)]) == 0
    said = capsys.readouterr()
    assert said.out == f"db/migrations/{newest(stamped)}\n"
    assert {tuple(line.split()) for line in said.err.splitlines()} == {
        ("changed", IS_OPEN),
        ("new", "db/functions/private/is_shut.sql"),
        ("deleted", WRITE_NOTE),
    }


def is_shut(small_project: Any) -> str:
    return small_project.path(IS_OPEN).read_text().replace("is_open", "is_shut")


# --- changes and their rollback --------------------------------------------------------------


def test_changed_body_is_replaced_and_rollback_restores_the_old_one(stamped: Any) -> None:
    old = stamped.path(IS_OPEN).read_text()
    stamped.edit(IS_OPEN, "select false", "select true")
    forward, rollback = stamped.stamp("open_up")
    assert dict(stamp.stamps(forward)) == {IS_OPEN: code(stamped.path(IS_OPEN).read_text())}
    assert dict(stamp.stamps(rollback)) == {IS_OPEN: code(old)}
    assert "drop" not in stamp.outline(forward + rollback)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("p_body text default 'it''s; $1 at 100%'", "p_body text"),
        ("p_id bigint", "p_number bigint"),
        ("returns setof public.notes", "returns public.notes"),
    ],
    ids=["a default less", "an argument renamed", "another return type"],
)
def test_incompatible_function_is_dropped_first(stamped: Any, old: str, new: str) -> None:
    stamped.edit(WRITE_NOTE, old, new)
    for text in stamped.stamp("change"):
        drop = "drop function public.write_note(bigint, text);\n"
        assert in_this_order(text, stamp.HANDOVER, drop, f"{stamp.STAMP}{WRITE_NOTE}\n")


def test_function_that_loses_its_owner_is_recreated(stamped: Any) -> None:
    stamped.edit(WRITE_NOTE, "alter function public.write_note(bigint, text) owner to", "--")
    forward, rollback = stamped.stamp("disown")
    assert "drop function public.write_note(bigint, text);" in forward
    assert "drop function" not in rollback


def test_drop_uses_the_argument_types_of_the_old_text(stamped: Any) -> None:
    stamped.write(WRITE_NOTE, stamped.path(WRITE_NOTE).read_text().replace("bigint", "integer"))
    forward, rollback = stamped.stamp("narrow")
    assert "drop function public.write_note(bigint, text);" in forward
    assert "drop function public.write_note(integer, text);" in rollback


def test_whitespace_and_comments_in_a_signature_drop_nothing(stamped: Any) -> None:
    stamped.edit(WRITE_NOTE, "(p_id bigint, ", "(\n  p_id  bigint,  -- its number\n  ")
    assert "drop" not in stamp.outline("".join(stamped.stamp("reformat")))


def test_policy_of_a_dropped_function_is_dropped_and_recreated(
    stamped: Any,
) -> None:
    stamped.edit(CAN_SEE, "p_owner", "p_who")
    for text in stamped.stamp("rename_argument"):
        assert in_this_order(
            text,
            "drop policy if exists notes_select_owner on public.notes;\n",
            "drop function private.can_see(text);\n",
            f"{stamp.STAMP}{CAN_SEE}\n",
            f"{stamp.STAMP}{NOTES}\n",
        )


def test_deleted_function_is_dropped_and_rollback_recreates_it(stamped: Any) -> None:
    old = stamped.path(WRITE_NOTE).read_text()
    stamped.path(WRITE_NOTE).unlink()
    forward, rollback = stamped.stamp("no_writing")
    assert dict(stamp.stamps(forward)) == {WRITE_NOTE: None}
    assert "drop function public.write_note(bigint, text);" in forward
    assert dict(stamp.stamps(rollback)) == {WRITE_NOTE: code(old)}
    assert stamped.check() == []


def test_rollback_drops_a_new_function(stamped: Any) -> None:
    stamped.write("db/functions/private/is_shut.sql", is_shut(stamped))
    _, rollback = stamped.stamp("shut")
    assert "drop function private.is_shut();" in rollback


def test_rollback_drops_new_policies_and_keeps_row_level_security_on(small_project: Any) -> None:
    small_project.path(NOTES).rename(small_project.path("notes.sql"))
    small_project.stamp("functions")
    small_project.path("notes.sql").rename(small_project.path(NOTES))
    _, rollback = small_project.stamp("policies")
    assert "drop policy if exists notes_select_owner on public.notes;" in rollback
    assert "drop policy if exists notes_all_job_writer on public.notes;" in rollback
    roles = ", ".join((*stamp.API_ROLES, "job_writer"))
    assert f"revoke all on table public.notes from {roles};" in rollback
    assert "disable" not in rollback


def test_removed_policy_is_dropped(stamped: Any) -> None:
    stamped.write(
        NOTES,
        re.sub(
            r"drop policy if exists notes_all_job.*?way in.';\n\n",
            "",
            stamped.path(NOTES).read_text(),
            flags=re.S,
        ),
    )
    forward, rollback = stamped.stamp("readers_only")
    assert "drop policy if exists notes_all_job_writer" in forward
    assert "create policy notes_all_job_writer" not in forward
    assert "create policy notes_all_job_writer" in rollback


def test_removed_grant_is_revoked(stamped: Any) -> None:
    stamped.edit(IS_OPEN, "to authenticated, job_writer", "to authenticated")
    stamped.edit(NOTES, "select, insert (id, body)", "select")
    forward, rollback = stamped.stamp("less")
    assert "revoke all on function private.is_open() from job_writer;" in forward
    assert "revoke all on table public.notes from job_writer;" in forward
    assert "revoke all on table public.notes from job_writer;" in rollback


def test_function_file_without_revoke_cannot_be_dropped(stamped: Any) -> None:
    text = stamped.path(IS_OPEN).read_text()
    with pytest.raises(stamp.StampError, match="revoke all on function"):
        stamp.transition({IS_OPEN: text.replace("revoke all", "revoke execute")}, {})


@pytest.mark.parametrize(
    "ending", ["", "\n\n", "\r\n"], ids=["no newline", "two newlines", "carriage return"]
)
def test_file_that_cannot_be_embedded_is_rejected(small_project: Any, ending: str) -> None:
    text = small_project.path(IS_OPEN).read_text().rstrip("\n")
    small_project.path(IS_OPEN).write_bytes((text + ending).encode())
    with pytest.raises(stamp.StampError, match="one newline"):
        stamp.write("init", root=small_project.root)
    assert not small_project.migrations.exists()


def test_file_with_a_marker_line_is_rejected(small_project: Any) -> None:
    small_project.edit(IS_OPEN, "  select false", f"{stamp.END_STAMP}\n  select false")
    with pytest.raises(stamp.StampError, match="marker"):
        stamp.write("init", root=small_project.root)


def test_yoyo_splits_a_migration_as_postgres_does(small_project: Any) -> None:
    forward, _ = small_project.stamp("init")
    whole = [s for s in sqlparse.split(forward) if "create or replace function" in s]
    assert len(whole) == 3
    assert all(s.endswith("$$;") for s in whole)


# --- until a release freezes it -------------------------------------------------------------------


def test_unreleased_migration_keeps_manual_ddl_and_is_restamped(
    stamped: Any,
) -> None:
    stamped.edit(IS_OPEN, "select false", "select true")
    stamped.stamp(
        "open_up",
        ddl="alter table public.notes add at date;",
        undo="alter table public.notes drop at;",
    )
    before = sorted(stamped.migrations.iterdir())
    stamped.edit(IS_OPEN, "select true", "select null::boolean")
    assert stamped.check() != []
    assert main(["migration", "another_name", "--root", str(stamped.root)]) == 0
    assert sorted(stamped.migrations.iterdir()) == before
    forward = (stamped.migrations / newest(stamped)).read_text()
    rollback = (stamped.migrations / newest(stamped).replace(".sql", ".rollback.sql")).read_text()
    assert in_this_order(forward, "add at date;", "select null::boolean", stamp.RELOAD)
    assert in_this_order(rollback, "select false", "drop at;", stamp.RELOAD)
    assert stamped.check() == []


def test_stamped_part_is_empty_without_changes(stamped: Any) -> None:
    stamped.edit(IS_OPEN, "select false", "select true")
    stamped.stamp("open_up")
    stamped.edit(IS_OPEN, "select true", "select false")
    done = stamp.write(root=stamped.root)
    assert list(stamp.stamps(done.forward.read_text())) == []
    assert (done.is_new, done.summary) == (False, [f"changed {IS_OPEN}"])


def test_stamping_twice_changes_no_byte(stamped: Any) -> None:
    def everything() -> dict[Any, bytes]:
        return {p: p.read_bytes() for p in stamped.root.rglob("*") if p.is_file()}

    before = everything()
    assert stamp.write(root=stamped.root).summary == []
    assert everything() == before


def test_change_after_a_release_needs_a_new_named_migration(stamped: Any, capsys: Any) -> None:
    stamp.freeze(stamped.root)
    stamped.edit(IS_OPEN, "select false", "select true")
    assert "run: make migration name=what_it_does" in stamped.check()[0]
    before = sorted(stamped.migrations.iterdir())
    assert main(["migration", "--root", str(stamped.root)]) == 1
    assert "make migration name=what_it_does" in capsys.readouterr().err
    assert sorted(stamped.migrations.iterdir()) == before
    assert main(["migration", "open_up", "--root", str(stamped.root)]) == 0
    assert newest(stamped)[14:] == "_open_up.sql"
    assert stamped.check() == []


def test_manual_ddl_goes_into_the_unreleased_migration(stamped: Any, capsys: Any) -> None:
    before = sorted(stamped.migrations.iterdir())
    assert main(["migration", "more", "--empty", "--root", str(stamped.root)]) == 0
    said = capsys.readouterr()
    assert said.out == f"db/migrations/{newest(stamped)}\n"
    assert "it is not released yet: write the DDL in it and its rollback" in said.err
    assert sorted(stamped.migrations.iterdir()) == before


def serves(small_project: Any) -> str:
    """Returns the oldest code that the newest migration serves."""
    said = versions.split(stamp.migration_files(small_project.root)[-1].read_text())[1]
    assert said is not None
    return said.serves


def test_schema_serves_older_code_until_a_breaking_change(stamped: Any) -> None:
    first = newest(stamped)[:14]
    stamped.stamp("second")
    assert serves(stamped) == first
    stamped.stamp("third")
    assert main(["migration", "--breaking", "--root", str(stamped.root)]) == 0
    third = newest(stamped)[:14]
    assert serves(stamped) == third != first
    stamp.write(root=stamped.root)
    assert serves(stamped) == third
    stamped.stamp("fourth")
    assert serves(stamped) == third


@pytest.mark.parametrize("other", ["20000101000000", "first"])
def test_schema_cannot_serve_code_that_its_predecessor_does_not(stamped: Any, other: str) -> None:
    first = newest(stamped)[:14]
    stamped.stamp("second")
    stamp.write(root=stamped.root, breaking=True)
    stamped.stamp("third")
    stamped.edit(f"db/migrations/{newest(stamped)}", f"serves {serves(stamped)}",
                 f"serves {first if other == 'first' else other}")  # fmt: skip
    stamp.write(root=stamped.root)
    assert f"{newest(stamped)}: serves" in "\n".join(stamped.check())


def test_newest_text_replaces_the_earlier_ones(stamped: Any) -> None:
    stamped.stamp("second", ddl="create table public.more ();", undo="drop table public.more;")
    stamped.path("db/migrations/CHECKSUMS").unlink()
    first, second = stamp.migration_files(stamped.root)
    before = versions.of_migrations([first, second])
    first.write_text(first.read_text().replace("body text not null", "body text"))
    assert f"{first.name}: edited since its last line" in "\n".join(stamped.check())
    stamp.write(root=stamped.root)
    assert stamped.check() == []
    after = versions.of_migrations([first, second])
    assert [before[f.stem].text == after[f.stem].text for f in (first, second)] == [False, False]


def test_code_version_is_a_constant(stamped: Any) -> None:
    stamped.stamp("second", ddl="create table public.more ();", undo="drop table public.more;")
    file = stamped.path("db/version.py")
    assert f'\nVERSION = "{newest(stamped)[:14]}"\n' in file.read_text()
    for change in (lambda: file.write_text(file.read_text() + "\n"), file.unlink):
        change()
        assert "db/version.py: not the version of the newest migration" in "\n".join(
            stamped.check()
        )
        stamp.write(root=stamped.root)
        assert stamped.check() == []


# --- the mirror -------------------------------------------------------------------------------


def test_mirror_is_a_byte_copy_of_the_forward_files_only(stamped: Any) -> None:
    stamped.write("supabase/migrations/20000101000000_stray.sql", "select 1;\n")
    stamped.edit(IS_OPEN, "select false", "select true")
    stamped.stamp("open_up")
    mirror = {f.name: f.read_bytes() for f in stamped.path("supabase/migrations").iterdir()}
    assert mirror == {f.name: f.read_bytes() for f in stamp.migration_files(stamped.root)}
    assert len(mirror) == 2


# --- check ------------------------------------------------------------------------------------


def test_freshly_stamped_project_has_no_problems(stamped: Any, capsys: Any) -> None:
    assert main(["check", "--root", str(stamped.root)]) == 0
    assert capsys.readouterr() == ("", "")


def test_edited_function_without_a_migration_fails_with_a_remedy(stamped: Any, capsys: Any) -> None:
    stamped.edit(WRITE_NOTE, "% 2", "% 3")
    assert main(["check", "--root", str(stamped.root)]) == 1
    said = capsys.readouterr().err
    assert said == f"{WRITE_NOTE}: changed since it was stamped; run: make migration\n"


def break_and_check(small_project: Any, path: str, old: str, new: str) -> str:
    small_project.edit(path, old, new)
    return "\n".join(small_project.check())


@pytest.mark.parametrize(
    ("path", "old", "new", "problem"),
    [
        (IS_OPEN, "language sql\nstable", "language sql", "write its volatility"),
        (IS_OPEN, "security invoker\n", "", "write its security"),
        (IS_OPEN, "set search_path = pg_catalog, pg_temp\n", "", "write its search_path"),
        (IS_OPEN, "pg_catalog, pg_temp", "pg_catalog", "write its search_path"),
        (IS_OPEN, "language sql\n", "", "language"),
        (IS_OPEN, "create or replace", "create", "exactly one 'create or replace function'"),
        (IS_OPEN, "-- private", "create or replace function private.b() returns int language sql "
         "as $$ select 1 $$;\n-- private", "exactly one 'create or replace function'"),
        (IS_OPEN, "comment on function private.is_open()", "-- ", "add 'comment on function'"),
        (IS_OPEN, "revoke all on function private.is_open()", "-- ", "add 'revoke all on function"),
        (IS_OPEN, "Callers: authenticated, job_writer", "Callers: authenticated",
         "state who may execute it: '-- Callers: authenticated, job_writer.'"),
        (IS_OPEN, "from public, anon,", "from", "revoke from public, anon as well"),
        (IS_OPEN, "private.is_open", "public.is_open", "in private"),
        (IS_OPEN, "create or replace function private.is_open", "create or replace function "
         "private.is_shut", "name the file after the function"),
        (IS_OPEN, "grant execute on function private.is_open()", "grant execute on function "
         "private.can_see(text)", "grants name private.can_see"),
        (IS_OPEN, "-- private", f"-- {'x' * 98}\n-- private", f"{IS_OPEN}:1: 101 characters"),
        (NOTES, "-- notes", f"-- {'x' * 98}\n-- notes", f"{NOTES}:1: 101 characters"),
        (NOTES, "alter table public.notes", "-- ", "changed since it was stamped"),
    ],
)  # fmt: skip
def test_violated_rule_of_function_files_is_reported(
    stamped: Any, path: str, old: str, new: str, problem: str
) -> None:
    said = break_and_check(stamped, path, old, new)
    assert problem in said
    assert all(line.startswith(path) for line in said.splitlines())


def test_two_files_cannot_define_one_function(stamped: Any) -> None:
    stamped.write("db/functions/more/write_note.sql", stamped.path(WRITE_NOTE).read_text())
    assert "no overloads" in "\n".join(stamped.check())


def test_missing_or_empty_rollback_is_a_problem(stamped: Any) -> None:
    rollback = stamped.migrations / newest(stamped).replace(".sql", ".rollback.sql")
    rollback.write_text(f"-- nothing\n{stamp.RELOAD}\n")
    assert f"db/migrations/{rollback.name}: undoes nothing" in "\n".join(stamped.check())
    rollback.unlink()
    assert f"db/migrations/{rollback.name}: missing" in "\n".join(stamped.check())


def test_rollback_without_a_forward_file_is_a_problem(stamped: Any) -> None:
    stamped.write("db/migrations/20000101000000_x.rollback.sql", "select 1;\n")
    assert "20000101000000_x.rollback.sql: has no forward file" in "\n".join(stamped.check())


@pytest.mark.parametrize("name", ["1_short.sql", "20000101000000_Upper.sql", "notes.txt"])
def test_file_with_an_invalid_name_is_a_problem(stamped: Any, name: str) -> None:
    stamped.write(f"db/migrations/{name}", "select 1;\n")
    assert f"db/migrations/{name}: name it" in "\n".join(stamped.check())


def test_migrations_form_one_chain_in_numeric_order(stamped: Any) -> None:
    stamped.stamp("second")
    stamped.stamp("third")
    first, second, third = stamp.migration_files(stamped.root)
    third.write_text(third.read_text().replace(second.stem, first.stem))
    assert f"{third.name}: the chain is broken; it needs '-- depends: {second.stem}'" in "\n".join(
        stamped.check()
    )
    first.write_text(f"-- depends: {second.stem}\n{first.read_text()}")
    assert f"{first.name}: the chain is broken" in "\n".join(stamped.check())


def test_two_migrations_cannot_have_the_same_number(stamped: Any) -> None:
    first = stamp.migration_files(stamped.root)[0]
    twin = first.with_name(first.name.replace("init", "twin"))
    twin.write_text(f"-- depends: {first.stem}\n{first.read_text()}")
    assert f"{twin.name}: its number must be above" in "\n".join(stamped.check())


def test_migration_that_does_not_end_with_its_version_is_a_problem(stamped: Any) -> None:
    stamped.stamp("second")
    forward = stamp.migration_files(stamped.root)[-1]
    for file, problem in (
        (forward, "edited since its last line"),
        (stamp.rollback_file(forward), "leaves a different version"),
    ):
        file.write_text(file.read_text() + "select 1;\n")
        assert f"{file.name}: {problem}" in "\n".join(stamped.check())


def test_edited_migration_is_detected(stamped: Any) -> None:
    stamped.stamp("second", ddl="create table public.more ();", undo="drop table public.more;")
    first, second = stamp.migration_files(stamped.root)
    for file, remedy in (
        (first, "edited after its release; restore it from git, make the change in db/functions"),
        (second, "edited since its last line was written; run: make migration"),
    ):
        text = file.read_text()
        file.write_text("-- a word more\n" + text)
        copy = stamped.path("supabase/migrations") / file.name
        copy.write_bytes(file.read_bytes())
        (said,) = stamped.check()
        assert said.startswith(f"db/migrations/{file.name}: {remedy}")
        file.write_text(text)
        copy.write_text(text)


def test_rollback_may_be_fixed_by_updating_its_checksum(stamped: Any) -> None:
    stamped.stamp("second")
    rollback = stamp.rollback_file(stamp.migration_files(stamped.root)[0])
    sums = stamped.path("db/migrations/CHECKSUMS")
    others = set(stamped.check())
    before = hashlib.sha256(rollback.read_bytes()).hexdigest()
    rollback.write_text("-- a word more\n" + rollback.read_text())
    (said,) = set(stamped.check()) - others
    assert "write its new sha256sum to CHECKSUMS" in said
    after = hashlib.sha256(rollback.read_bytes()).hexdigest()
    sums.write_text(sums.read_text().replace(before, after))
    assert set(stamped.check()) == others


def test_lost_or_inserted_migration_is_detected(stamped: Any) -> None:
    stamped.stamp("second")
    stamp.freeze(stamped.root)
    second = stamp.migration_files(stamped.root)[-1]
    second.rename(second.with_name("20000101000000_moved.sql"))
    said = "\n".join(stamped.check())
    assert f"{second.name}: listed in CHECKSUMS but missing" in said
    assert "20000101000000_moved.sql: comes before a released one" in said


def test_mirror_with_any_difference_is_a_problem(stamped: Any) -> None:
    copy = stamped.path("supabase/migrations") / newest(stamped)
    copy.write_text(copy.read_text() + "\n")
    assert f"{copy.name}: not a copy" in "\n".join(stamped.check())
    copy.rename(copy.with_name("20000101000000_stray.sql"))
    said = "\n".join(stamped.check())
    assert f"{copy.name}: missing" in said
    assert "20000101000000_stray.sql: not in db/migrations" in said
    assert main(["migration", "--root", str(stamped.root)]) == 0
    assert stamped.check() == []


@pytest.mark.parametrize(
    "statement",
    ["create index concurrently notes_owner_idx on public.notes (owner);",
     "refresh materialized view concurrently public.sums;"],
)  # fmt: skip
def test_concurrently_cannot_be_mirrored(stamped: Any, statement: str) -> None:
    stamped.stamp("index", ddl=statement, undo="select 1;")
    assert "'concurrently' cannot run" in "\n".join(stamped.check())


def test_every_migration_and_rollback_sets_a_lock_timeout(stamped: Any) -> None:
    stamped.stamp("more", ddl="create table public.more ();", undo="drop table public.more;")
    for file in stamped.migrations.glob("*.sql"):
        head, _, rest = file.read_text().partition("\n\n")
        assert all(line.startswith("--") for line in head.splitlines())
        assert rest.startswith("set local lock_timeout = '250ms';\n")
    newest_file = sorted(stamped.migrations.glob("*more.sql"))[0]
    newest_file.write_text(newest_file.read_text().replace("set local", "set"))
    assert any("edited since" in problem for problem in stamp.check(stamped.root))


@pytest.mark.parametrize(
    ("ddl", "said"),
    [
        ("create index notes_body_idx on public.notes (body);", "begin it with"),
        ("create unique index if not exists notes_idx on public.notes (body);", "begin it with"),
        ("create table public.more (a int);\ncreate index more_idx on public.more (a);", None),
    ],
)
def test_index_on_a_table_with_rows_is_announced_in_the_first_line(
    stamped: Any, ddl: str, said: str | None
) -> None:
    stamped.stamp("more", ddl=ddl, undo="drop index if exists public.notes_body_idx;")
    problems = stamp.check(stamped.root)
    if said is None:
        assert problems == []
        return
    assert any(f"{said} '-- builds indexes on public.notes'" in each for each in problems)
    (file,) = (f for f in stamped.migrations.glob("*more.sql"))
    text = file.read_text().replace("create index notes", "create index if not exists notes")
    file.write_text(f"-- builds indexes on public.notes\n{text}")
    stamp.write(root=stamped.root)
    assert stamp.check(stamped.root) == []


def test_index_that_may_exist_is_created_if_not_exists(stamped: Any) -> None:
    stamped.stamp(
        "more",
        ddl="create index notes_body_idx on public.notes (body);",
        undo="drop index public.notes_body_idx;",
    )
    said = "write 'create index if not exists notes_body_idx': it may already be built"
    assert any(said in problem for problem in stamp.check(stamped.root))


def test_concurrently_in_a_comment_is_allowed(stamped: Any) -> None:
    stamped.stamp("index", ddl="-- never create an index concurrently\nselect 1;", undo="select 1;")
    assert stamped.check() == []


def test_migration_that_yoyo_would_split_differently_is_a_problem(stamped: Any) -> None:
    stamped.stamp("span", ddl="create table public.spans (begin int);\nselect 1;",
                  undo="drop table public.spans;")  # fmt: skip
    assert "yoyo would split it" in "\n".join(stamped.check())


def test_stamp_without_its_end_marker_is_a_problem(stamped: Any) -> None:
    forward = stamp.migration_files(stamped.root)[-1]
    forward.write_text(forward.read_text().replace(f"{stamp.END_STAMP}\n", "", 1))
    assert "has no '-- end stamp' line" in "\n".join(stamped.check())


# --- declared_sql ---------------------------------------------------------------------------------


def test_declared_sql_contains_every_file_between_owner_changes(small_project: Any) -> None:
    declared = stamp.declared_sql(small_project.root)
    assert declared.startswith(stamp.HANDOVER)
    assert declared.endswith(stamp.HANDBACK)
    for path in (CAN_SEE, IS_OPEN, WRITE_NOTE, NOTES):
        assert small_project.path(path).read_text() in declared


def test_this_project_has_no_problems() -> None:
    assert stamp.check() == []
