-- Functions with every kind of signature that PostgREST supports.

create type public.probe_pair as (left_part integer, right_part text);
create domain public.probe_word as text;
create table public.probe_rows (id integer primary key, note text not null check (note <> ''));
grant select, insert on table public.probe_rows to authenticated;

create function public.probe_number() returns integer language sql stable
  as $$ select 7 $$;
create function public.probe_text(p_text text default 'none') returns text language sql stable
  as $$ select p_text $$;
create function public.probe_void() returns void language plpgsql volatile
  as $$ begin end $$;
create function public.probe_numbers(p_n integer) returns setof integer language sql stable
  as $$ select g from generate_series(1, p_n) as g $$;
create function public.probe_pair(p_null boolean default false) returns public.probe_pair
  language sql stable
  as $$ select case when not p_null then row(1, 'one')::public.probe_pair end $$;
create function public.probe_out(p_a integer, out x integer, out y text) language sql stable
  as $$ select p_a, 'y' $$;
create function public.probe_one_out(p_a integer, out x integer) language sql stable
  as $$ select p_a $$;
create function public.probe_inout(inout p_a integer, inout p_b text default 'b')
  language sql stable
  as $$ select p_a, p_b $$;
create function public.probe_one_column(p_a integer) returns table (x integer) language sql stable
  as $$ select p_a $$;
create function public.probe_words(p_n integer default 3)
  returns table (n integer, word text, at timestamptz, flag boolean, data jsonb)
  language sql stable
  as $$
    select g, (array['ab', 'bc', 'cd'])[(g - 1) % 3 + 1],
      timestamptz '2026-01-01 00:00+00' + g * interval '1 hour',
      case when g <> 3 then g % 2 = 0 end, jsonb_build_object('n', g)
    from generate_series(1, p_n) as g $$;
create function public.probe_json(p_value jsonb) returns jsonb language sql stable
  as $$ select p_value $$;
create function public.probe_items(p_items text[]) returns text[] language sql stable
  as $$ select p_items $$;
create function public.probe_types(
    p_int integer, p_bool boolean, p_at timestamptz, p_interval interval,
    p_status public.job_status, p_word public.probe_word)
  returns text language sql stable
  as $$ select concat_ws('|', p_int, p_bool, p_at, p_interval, p_status, p_word) $$;
create function public.probe_bytes() returns bytea language sql stable
  as $$ select '\x0102'::bytea $$;
create function public."Probe Name"("p Arg" text default 'x') returns text language sql stable
  as $$ select "p Arg" $$;
create function public.probe_path() returns text language sql stable
  as $$ select probe_text('found by the search_path') $$;
create function public.probe_user() returns text language sql stable
  as $$ select current_setting('request.jwt.claims')::json ->> 'sub' $$;
create function public.probe_secrets() returns bigint language sql stable
  as $$ select count(*) from private.api_keys $$;
create function public.probe_raise(
    p_code text, p_message text default 'refused', p_detail text default 'the detail',
    p_hint text default 'the hint')
  returns void language plpgsql volatile
  as $$
    begin
      raise exception '%', p_message using errcode = p_code, detail = p_detail, hint = p_hint;
    end $$;
create function public.probe_write(p_id integer, p_note text default 'x')
  returns setof public.probe_rows language plpgsql volatile
  as $$ begin return query insert into public.probe_rows values (p_id, p_note) returning *; end $$;
create function public.probe_write_two() returns setof public.probe_rows language plpgsql volatile
  as $$
    begin
      return query insert into public.probe_rows values (1, 'x'), (2, 'x') returning *;
    end $$;
create function public.probe_stable_write() returns void language plpgsql stable
  as $$ begin perform public.probe_write(99); end $$;
create function public.probe_overload(p_a integer) returns integer language sql stable
  as $$ select 1 $$;
create function public.probe_overload(p_a integer, p_b integer default 1) returns integer
  language sql stable
  as $$ select 2 $$;
create function public.probe_unnamed(jsonb) returns jsonb language sql stable
  as $$ select $1 $$;
create function public.probe_many(variadic p_items text[]) returns text[] language sql stable
  as $$ select p_items $$;
create function public.probe_record() returns setof record language sql stable
  as $$ select 1, 2 $$;
create function public.probe_hidden() returns integer language sql stable
  as $$ select 1 $$;

do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid from pg_proc as p
    where p.pronamespace = 'public'::regnamespace and p.proname ilike 'probe%'
  loop
    execute format(
      'revoke all on function %s from public, anon, authenticated, service_role', v_function);
    execute format('grant execute on function %s to authenticated', v_function);
  end loop;
  revoke all on function public.probe_hidden() from authenticated;
end;
$$;
