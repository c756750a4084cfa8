"""The stamp tool: what a migration contains, and what the check finds."""

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


def newest(house: Any) -> str:
    return stamp.migration_files(house.root)[-1].name


# --- new --------------------------------------------------------------------------------------


def code(text: str) -> str:
    """The text of a declared file from its first statement on, empty lines in its body only."""
    text = text[min(at for at in map(text.find, ("\ncreate", "\nalter")) if at > 0) + 1 :]
    parts = re.split(r"(\nas \$\$.*\n\$\$;)", text, flags=re.DOTALL)
    parts[::2] = [part.replace("\n\n", "\n") for part in parts[::2]]
    return "".join(parts)


def test_a_migration_embeds_every_file_without_its_opening_comment(house: Any) -> None:
    forward, _ = house.stamp("init")
    declared = {
        path: code(house.path(path).read_text()) for path in (CAN_SEE, IS_OPEN, WRITE_NOTE, NOTES)
    }
    assert dict(stamp.stamps(forward)) == declared
    assert "-- a comment; with a quote's start" in declared[WRITE_NOTE]
    assert "\n\n  return query" in declared[WRITE_NOTE]


def test_a_change_of_an_opening_comment_alone_needs_no_migration(stamped: Any) -> None:
    stamp.freeze(stamped.root)
    stamped.edit(WRITE_NOTE, "-- Writes one note", "-- Writes a note, no more")
    assert stamped.check() == []
    stamped.edit(WRITE_NOTE, "-- a comment", "-- another comment")
    assert f"{WRITE_NOTE}: changed since it was stamped" in stamped.check()[0]


def test_what_a_policy_or_an_sql_function_names_stands_before_it(house: Any) -> None:
    forward, _ = house.stamp("init")
    order = [stamp.STAMP + path + "\n" for path in (IS_OPEN, CAN_SEE, NOTES, WRITE_NOTE)]
    assert in_this_order(forward, stamp.HANDOVER, *order, stamp.HANDBACK)


def test_functions_that_name_each_other_are_all_stamped(house: Any) -> None:
    house.edit(IS_OPEN, "select false", "select private.can_see('x')")
    forward, _ = house.stamp("init")
    assert len(list(stamp.stamps(forward))) == 4


def test_the_first_migration_depends_on_nothing_and_the_next_on_it(stamped: Any) -> None:
    first = newest(stamped)
    house = stamped
    house.edit(IS_OPEN, "select false", "select true")
    forward, _ = house.stamp("open_up")
    assert stamp.DEPENDS not in (house.migrations / first).read_text()
    assert f"\n{stamp.DEPENDS} {first.removesuffix('.sql')}\n" in forward


def test_a_migration_ends_with_its_version_and_its_rollback_with_the_one_before(
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


def test_the_name_becomes_a_snake_and_the_number_the_time_in_utc(house: Any) -> None:
    before = f"{datetime.now(UTC):%Y%m%d%H%M%S}"
    house.stamp("Add Note-writing!")
    assert newest(house)[14:] == "_add_note_writing.sql"
    assert before <= newest(house)[:14] <= f"{datetime.now(UTC):%Y%m%d%H%M%S}"


def test_numbers_grow_even_when_the_newest_is_in_the_future(house: Any) -> None:
    house.write("db/migrations/29991231235959_far.sql", "select 1;\n")
    house.write("db/migrations/29991231235959_far.rollback.sql", "select 1;\n")
    house.stamp("init")
    assert newest(house).startswith("30000101000000_")


def test_nothing_changed_makes_no_migration(stamped: Any, capsys: Any) -> None:
    stamp.freeze(stamped.root)
    before = sorted(stamped.migrations.iterdir())
    assert main(["migration", "idle", "--root", str(stamped.root)]) == 1
    assert "nothing changed" in capsys.readouterr().err
    assert sorted(stamped.migrations.iterdir()) == before


def test_an_empty_migration_can_be_asked_for_and_holds_no_handover(stamped: Any) -> None:
    stamp.freeze(stamped.root)
    assert main(["migration", "by_hand", "--empty", "--root", str(stamped.root)]) == 0
    forward = (stamped.migrations / newest(stamped)).read_text()
    assert "grant job_writer" not in forward
    assert list(stamp.stamps(forward)) == []


def test_both_ways_open_sessions_plan_again(stamped: Any) -> None:
    for text in stamped.stamp("by_hand"):
        assert f"\n{REPLAN}{stamp.RELOAD}\n" in text


def test_what_was_stamped_is_said(stamped: Any, capsys: Any) -> None:
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


def is_shut(house: Any) -> str:
    return house.path(IS_OPEN).read_text().replace("is_open", "is_shut")


# --- from one text to another, and back -----------------------------------------------------


def test_a_changed_body_is_replaced_and_the_rollback_brings_the_earlier_text(stamped: Any) -> None:
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
def test_what_cannot_be_replaced_is_dropped_first(stamped: Any, old: str, new: str) -> None:
    stamped.edit(WRITE_NOTE, old, new)
    for text in stamped.stamp("change"):
        drop = "drop function public.write_note(bigint, text);\n"
        assert in_this_order(text, stamp.HANDOVER, drop, f"{stamp.STAMP}{WRITE_NOTE}\n")


def test_a_function_that_loses_its_owner_is_made_anew(stamped: Any) -> None:
    stamped.edit(WRITE_NOTE, "alter function public.write_note(bigint, text) owner to", "--")
    forward, rollback = stamped.stamp("disown")
    assert "drop function public.write_note(bigint, text);" in forward
    assert "drop function" not in rollback


def test_the_drop_names_the_types_of_the_text_that_goes(stamped: Any) -> None:
    stamped.write(WRITE_NOTE, stamped.path(WRITE_NOTE).read_text().replace("bigint", "integer"))
    forward, rollback = stamped.stamp("narrow")
    assert "drop function public.write_note(bigint, text);" in forward
    assert "drop function public.write_note(integer, text);" in rollback


def test_spaces_and_comments_in_a_header_drop_nothing(stamped: Any) -> None:
    stamped.edit(WRITE_NOTE, "(p_id bigint, ", "(\n  p_id  bigint,  -- its number\n  ")
    assert "drop" not in stamp.outline("".join(stamped.stamp("reformat")))


def test_a_policy_that_names_a_dropped_function_is_dropped_before_and_made_after(
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


def test_a_deleted_function_is_dropped_and_the_rollback_makes_it_again(stamped: Any) -> None:
    old = stamped.path(WRITE_NOTE).read_text()
    stamped.path(WRITE_NOTE).unlink()
    forward, rollback = stamped.stamp("no_writing")
    assert dict(stamp.stamps(forward)) == {WRITE_NOTE: None}
    assert "drop function public.write_note(bigint, text);" in forward
    assert dict(stamp.stamps(rollback)) == {WRITE_NOTE: code(old)}
    assert stamped.check() == []


def test_a_new_function_is_dropped_by_the_rollback(stamped: Any) -> None:
    stamped.write("db/functions/private/is_shut.sql", is_shut(stamped))
    _, rollback = stamped.stamp("shut")
    assert "drop function private.is_shut();" in rollback


def test_a_new_policy_file_is_undone_but_row_level_security_stays_on(house: Any) -> None:
    house.path(NOTES).rename(house.path("notes.sql"))
    house.stamp("functions")
    house.path("notes.sql").rename(house.path(NOTES))
    _, rollback = house.stamp("policies")
    assert "drop policy if exists notes_select_owner on public.notes;" in rollback
    assert "drop policy if exists notes_all_job_writer on public.notes;" in rollback
    roles = ", ".join((*stamp.API_ROLES, "job_writer"))
    assert f"revoke all on table public.notes from {roles};" in rollback
    assert "disable" not in rollback


def test_a_policy_that_the_new_text_no_longer_makes_is_dropped(stamped: Any) -> None:
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


def test_a_grant_that_the_new_text_no_longer_makes_is_taken_back(stamped: Any) -> None:
    stamped.edit(IS_OPEN, "to authenticated, job_writer", "to authenticated")
    stamped.edit(NOTES, "select, insert (id, body)", "select")
    forward, rollback = stamped.stamp("less")
    assert "revoke all on function private.is_open() from job_writer;" in forward
    assert "revoke all on table public.notes from job_writer;" in forward
    assert "revoke all on table public.notes from job_writer;" in rollback


def test_a_file_without_its_signature_cannot_be_dropped(stamped: Any) -> None:
    text = stamped.path(IS_OPEN).read_text()
    with pytest.raises(stamp.StampError, match="revoke all on function"):
        stamp.transition({IS_OPEN: text.replace("revoke all", "revoke execute")}, {})


@pytest.mark.parametrize(
    "ending", ["", "\n\n", "\r\n"], ids=["no newline", "two newlines", "carriage return"]
)
def test_a_file_that_a_stamp_cannot_carry_is_refused(house: Any, ending: str) -> None:
    text = house.path(IS_OPEN).read_text().rstrip("\n")
    house.path(IS_OPEN).write_bytes((text + ending).encode())
    with pytest.raises(stamp.StampError, match="one newline"):
        stamp.write("init", root=house.root)
    assert not house.migrations.exists()


def test_a_file_that_looks_like_a_marker_is_refused(house: Any) -> None:
    house.edit(IS_OPEN, "  select false", f"{stamp.END_STAMP}\n  select false")
    with pytest.raises(stamp.StampError, match="marker"):
        stamp.write("init", root=house.root)


def test_yoyo_cuts_a_migration_where_postgres_does(house: Any) -> None:
    forward, _ = house.stamp("init")
    whole = [s for s in sqlparse.split(forward) if "create or replace function" in s]
    assert len(whole) == 3
    assert all(s.endswith("$$;") for s in whole)


# --- until a release freezes it -------------------------------------------------------------------


def test_the_unreleased_migration_keeps_what_is_by_hand_and_gets_what_is_declared_now(
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


def test_the_stamped_part_is_empty_when_all_is_as_before(stamped: Any) -> None:
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


def test_a_change_after_a_release_needs_a_new_migration_and_that_a_name(
    stamped: Any, capsys: Any
) -> None:
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


def test_ddl_by_hand_goes_into_the_unreleased_migration(stamped: Any, capsys: Any) -> None:
    before = sorted(stamped.migrations.iterdir())
    assert main(["migration", "more", "--empty", "--root", str(stamped.root)]) == 0
    said = capsys.readouterr()
    assert said.out == f"db/migrations/{newest(stamped)}\n"
    assert "it is not released yet: write the DDL in it and its rollback" in said.err
    assert sorted(stamped.migrations.iterdir()) == before


def serves(house: Any) -> str:
    """Returns the oldest code that the newest migration serves."""
    said = versions.split(stamp.migration_files(house.root)[-1].read_text())[1]
    assert said is not None
    return said.serves


def test_a_schema_serves_what_the_one_before_serves_until_it_breaks_with_it(stamped: Any) -> None:
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
def test_a_schema_serves_no_number_that_the_one_before_does_not(stamped: Any, other: str) -> None:
    first = newest(stamped)[:14]
    stamped.stamp("second")
    stamp.write(root=stamped.root, breaking=True)
    stamped.stamp("third")
    stamped.edit(f"db/migrations/{newest(stamped)}", f"serves {serves(stamped)}",
                 f"serves {first if other == 'first' else other}")  # fmt: skip
    stamp.write(root=stamped.root)
    assert f"{newest(stamped)}: serves" in "\n".join(stamped.check())


def test_the_text_of_the_newest_stands_for_those_before_it(stamped: Any) -> None:
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


def test_the_code_knows_its_version_by_a_constant(stamped: Any) -> None:
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


def test_the_mirror_is_a_byte_copy_of_the_forward_files_alone(stamped: Any) -> None:
    stamped.write("supabase/migrations/20000101000000_stray.sql", "select 1;\n")
    stamped.edit(IS_OPEN, "select false", "select true")
    stamped.stamp("open_up")
    mirror = {f.name: f.read_bytes() for f in stamped.path("supabase/migrations").iterdir()}
    assert mirror == {f.name: f.read_bytes() for f in stamp.migration_files(stamped.root)}
    assert len(mirror) == 2


# --- check ------------------------------------------------------------------------------------


def test_a_house_as_stamped_has_no_problem(stamped: Any, capsys: Any) -> None:
    assert main(["check", "--root", str(stamped.root)]) == 0
    assert capsys.readouterr() == ("", "")


def test_an_edited_function_without_a_migration_fails_and_the_remedy_is_named(
    stamped: Any, capsys: Any
) -> None:
    stamped.edit(WRITE_NOTE, "% 2", "% 3")
    assert main(["check", "--root", str(stamped.root)]) == 1
    said = capsys.readouterr().err
    assert said == f"{WRITE_NOTE}: changed since it was stamped; run: make migration\n"


def break_and_check(house: Any, path: str, old: str, new: str) -> str:
    house.edit(path, old, new)
    return "\n".join(house.check())


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
def test_a_function_file_follows_the_house_rules(
    stamped: Any, path: str, old: str, new: str, problem: str
) -> None:
    said = break_and_check(stamped, path, old, new)
    assert problem in said
    assert all(line.startswith(path) for line in said.splitlines())


def test_two_files_cannot_define_one_function(stamped: Any) -> None:
    stamped.write("db/functions/more/write_note.sql", stamped.path(WRITE_NOTE).read_text())
    assert "no overloads" in "\n".join(stamped.check())


def test_a_missing_or_an_idle_rollback_is_a_problem(stamped: Any) -> None:
    rollback = stamped.migrations / newest(stamped).replace(".sql", ".rollback.sql")
    rollback.write_text(f"-- nothing\n{stamp.RELOAD}\n")
    assert f"db/migrations/{rollback.name}: undoes nothing" in "\n".join(stamped.check())
    rollback.unlink()
    assert f"db/migrations/{rollback.name}: missing" in "\n".join(stamped.check())


def test_a_rollback_without_a_forward_file_is_a_problem(stamped: Any) -> None:
    stamped.write("db/migrations/20000101000000_x.rollback.sql", "select 1;\n")
    assert "20000101000000_x.rollback.sql: has no forward file" in "\n".join(stamped.check())


@pytest.mark.parametrize("name", ["1_short.sql", "20000101000000_Upper.sql", "notes.txt"])
def test_a_file_of_another_name_is_a_problem(stamped: Any, name: str) -> None:
    stamped.write(f"db/migrations/{name}", "select 1;\n")
    assert f"db/migrations/{name}: name it" in "\n".join(stamped.check())


def test_the_chain_is_one_and_in_the_order_of_the_numbers(stamped: Any) -> None:
    stamped.stamp("second")
    stamped.stamp("third")
    first, second, third = stamp.migration_files(stamped.root)
    third.write_text(third.read_text().replace(second.stem, first.stem))
    assert f"{third.name}: the chain is broken; it needs '-- depends: {second.stem}'" in "\n".join(
        stamped.check()
    )
    first.write_text(f"-- depends: {second.stem}\n{first.read_text()}")
    assert f"{first.name}: the chain is broken" in "\n".join(stamped.check())


def test_two_migrations_cannot_have_one_number(stamped: Any) -> None:
    first = stamp.migration_files(stamped.root)[0]
    twin = first.with_name(first.name.replace("init", "twin"))
    twin.write_text(f"-- depends: {first.stem}\n{first.read_text()}")
    assert f"{twin.name}: its number must be above" in "\n".join(stamped.check())


def test_a_migration_that_does_not_end_with_its_version_is_a_problem(stamped: Any) -> None:
    stamped.stamp("second")
    forward = stamp.migration_files(stamped.root)[-1]
    for file, problem in (
        (forward, "edited since its last line"),
        (stamp.rollback_file(forward), "leaves a different version"),
    ):
        file.write_text(file.read_text() + "select 1;\n")
        assert f"{file.name}: {problem}" in "\n".join(stamped.check())


def test_an_edited_migration_is_noticed(stamped: Any) -> None:
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


def test_a_rollback_may_be_mended_by_writing_its_sum(stamped: Any) -> None:
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


def test_a_lost_migration_and_one_before_a_released_one_are_noticed(stamped: Any) -> None:
    stamped.stamp("second")
    stamp.freeze(stamped.root)
    second = stamp.migration_files(stamped.root)[-1]
    second.rename(second.with_name("20000101000000_moved.sql"))
    said = "\n".join(stamped.check())
    assert f"{second.name}: listed in CHECKSUMS but missing" in said
    assert "20000101000000_moved.sql: comes before a released one" in said


def test_a_mirror_with_more_with_less_or_with_other_bytes_is_a_problem(stamped: Any) -> None:
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


def test_every_migration_and_rollback_waits_for_no_lock_for_long(stamped: Any) -> None:
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
def test_an_index_on_a_table_that_may_have_rows_is_said_in_the_first_line(
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


def test_an_index_that_may_be_there_already_is_made_if_it_is_not(stamped: Any) -> None:
    stamped.stamp(
        "more",
        ddl="create index notes_body_idx on public.notes (body);",
        undo="drop index public.notes_body_idx;",
    )
    said = "write 'create index if not exists notes_body_idx': it may already be built"
    assert any(said in problem for problem in stamp.check(stamped.root))


def test_the_word_concurrently_in_a_comment_is_no_problem(stamped: Any) -> None:
    stamped.stamp("index", ddl="-- never create an index concurrently\nselect 1;", undo="select 1;")
    assert stamped.check() == []


def test_a_migration_that_yoyo_would_cut_otherwise_is_a_problem(stamped: Any) -> None:
    stamped.stamp("span", ddl="create table public.spans (begin int);\nselect 1;",
                  undo="drop table public.spans;")  # fmt: skip
    assert "yoyo would split it" in "\n".join(stamped.check())


def test_a_stamp_without_its_end_is_a_problem(stamped: Any) -> None:
    forward = stamp.migration_files(stamped.root)[-1]
    forward.write_text(forward.read_text().replace(f"{stamp.END_STAMP}\n", "", 1))
    assert "has no '-- end stamp' line" in "\n".join(stamped.check())


# --- declared_sql ---------------------------------------------------------------------------------


def test_the_declared_sql_holds_every_file_within_the_handover(house: Any) -> None:
    declared = stamp.declared_sql(house.root)
    assert declared.startswith(stamp.HANDOVER)
    assert declared.endswith(stamp.HANDBACK)
    for path in (CAN_SEE, IS_OPEN, WRITE_NOTE, NOTES):
        assert house.path(path).read_text() in declared


def test_this_project_itself_has_no_problem() -> None:
    assert stamp.check() == []
