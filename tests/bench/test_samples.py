"""How `make profile` sorts samples: whose code ran, and what was waiting."""

from __future__ import annotations

from bench.profile.samples import OTHER, read_samples

STACKS = """
thread (7): quietway-writer;Writer._run (quietway_server/services/writer.py:124);\
Connection.execute (sqlalchemy/engine/base.py:1494);sqlite3_step (sqlite3.c:95);write (libc.so.6) 5
thread (7): quietway-writer;Writer._run (quietway_server/services/writer.py:124);\
Connection.execute (sqlalchemy/engine/base.py:1500);Py_DECREF (object.h:5) 3
thread (7): quietway-writer;Writer._run (quietway_server/services/writer.py:126);\
step (cursor.c:1);Py_TYPE (object.h:1);pthread_cond_timedwait (libc.so.6);0x7fc (libc.so.6) 2
thread (7): quietway-writer;Writer._take_group (quietway_server/services/writer.py:130);\
_queue_SimpleQueue_get_impl (q.c:25);PyThread_acquire_lock_timed (libpython3.so);0x7f (libc.so.6) 9
thread (7): quietway-writer;Writer._run (quietway_server/services/writer.py:124);\
unixSync (sqlite3.c:1);fsync (libc.so.6);0x7f (libc.so.6) 4
thread (9): MainThread;strange (somewhere.c:1) 1
thread (11);Writer._run (quietway_server/services/writer.py:124) 1
""".strip().splitlines()


def test_a_sample_belongs_to_the_innermost_room_that_is_known() -> None:
    writer = read_samples(STACKS)[7]
    assert writer.rooms == {"SQLite (C)": 5, "SQLAlchemy": 3}
    assert writer.functions == {
        "sqlite3_step (sqlite3.c)": 5,
        "Connection.execute (sqlalchemy/engine/base.py)": 3,
    }


def test_waiting_uses_no_cpu_and_is_told_apart() -> None:
    writer = read_samples(STACKS)[7]
    assert (writer.running, writer.locked, writer.syncing, writer.idle) == (8, 2, 4, 9)


def test_functions_of_ours_count_with_what_they_call() -> None:
    writer = read_samples(STACKS)[7]
    assert writer.product == {"Writer._run (quietway_server/services/writer.py)": 8}


def test_what_is_known_to_no_room_is_the_rest() -> None:
    threads = read_samples(STACKS)
    assert threads[9].rooms == {OTHER: 1}
    assert threads[11].name == "a thread without a name"
