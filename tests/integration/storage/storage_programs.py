"""Programs that other processes run in these tests."""

HOLD_LEASE = """
import sys
from storage.address import parse_address
from storage.database import open_database
from storage.errors import LeaseHeld, LeaseLost
from storage.lease import Lease
with open_database(parse_address(sys.argv[1])) as database:
    try:
        lease = Lease.acquire(
            database, "s", time_to_live=float(sys.argv[2]), renew_seconds=0.2
        )
    except LeaseHeld:
        print("LeaseHeld", flush=True)
    else:
        print(lease.epoch, flush=True)
        sys.stdin.readline()
        try:
            lease.check()
            print("held", flush=True)
        except LeaseLost:
            print("LeaseLost", flush=True)
    sys.stdin.readline()
"""

FREEZE_BEFORE_COMMIT = """
import os, signal, sys
from sqlalchemy import event, text
from storage.address import parse_address
from storage.database import open_database
from storage.errors import DatabaseUnreachable, LeaseLost
from storage.fence import fence
from storage.lease import Lease
with open_database(parse_address(sys.argv[1])) as database:
    lease = Lease.acquire(database, "s")
    print(lease.epoch, flush=True)
    fence(database.engine, lease)

    @event.listens_for(database.engine, "commit")  # runs after the fence's
    def freeze(connection):
        os.kill(os.getpid(), signal.SIGSTOP)

    for _ in range(2):
        try:
            with database.engine.begin() as connection:
                connection.execute(text("INSERT INTO written VALUES ('late')"))
            print("written", flush=True)
        except (DatabaseUnreachable, LeaseLost) as error:
            print(type(error).__name__, flush=True)
    sys.stdin.readline()
"""
