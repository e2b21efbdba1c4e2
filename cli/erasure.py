"""Commands for personal data: `forget` a user, list erased users, `rotate-master-key`."""

import getpass
import json as json_text
import sys
from pathlib import Path
from typing import Any

from cli.options import DATA, JSON, add
from cli.programs import existing_ledger
from ledger import erasure
from ledger.keyring import Keyring
from ledger.master_key import rotate
from ledger.master_key_file import MASTER_KEY_FILE, existing_master_key, read_or_create_key
from ledger.people import is_in_clear
from runtime.settings import Settings, WrongSetting

FAILED = 1


def register(commands: Any) -> None:
    forgets = add(
        commands,
        "forget",
        forget,
        "destroy the key of a user's name; the log still replays and verifies, without the name",
        [DATA, JSON],
    )
    forgets.add_argument("user", nargs="?", metavar="USER", help="the user's name, as in `sub` of its tokens")
    forgets.add_argument(
        "--list", action="store_true", dest="listing", help="print the pseudonyms of all erased users"
    )
    forgets.add_argument(
        "--again", type=Path, metavar="FILE", help="after a restore: erase all users on that list again"
    )
    add(
        commands,
        "rotate-master-key",
        rotate_master_key,
        "wrap all personal keys with a new master key, so that the old one decrypts nothing",
        [DATA],
    )


def forget(settings: Settings, user: str | None, listing: bool, again: Path | None, json: bool) -> int:
    """Erase a user. Return 1 if the name is unknown or the user has open bookings."""
    if sum((user is not None, listing, again is not None)) != 1:
        raise WrongSetting("forget: name a USER, or give --list or --again FILE")
    with existing_ledger(settings) as url:
        if listing:
            print("".join(f"{person}\n" for person in erasure.read_erased(url)), end="")
            return 0
        if again is not None:
            persons = again.read_text(encoding="utf-8").splitlines()
            back = erasure.erase_again(url, persons, getpass.getuser())
            print(json_text.dumps({"forgotten": back}) if json else f"forgotten again: {back}")
            return 0
        try:
            keyring = Keyring(existing_master_key(settings))
            person = erasure.erase(url, keyring, user or "", getpass.getuser())
        except erasure.NotErasable as reason:
            print(f"seatledger: {reason}", file=sys.stderr)
            return FAILED
    if json:
        print(json_text.dumps({"person": person, "in_clear": is_in_clear(person)}))
    else:
        print(_IN_CLEAR if is_in_clear(person) else f"forgotten: {person}")
    return 0


def rotate_master_key(settings: Settings) -> int:
    """Wrap all personal keys with a new one. Once the old one is destroyed, older copies hold no names."""
    new = settings.data / f"{MASTER_KEY_FILE}.new"
    old_key = existing_master_key(settings)
    with existing_ledger(settings) as url:
        people = rotate(url, Keyring(old_key), Keyring(read_or_create_key(new)))
    print(f"wrapped {people} keys with the new master key")
    if settings.master_key is None:
        new.replace(settings.data / MASTER_KEY_FILE)
        print(f"the new master key is in {settings.data / MASTER_KEY_FILE}, the old one is gone")
    else:
        print(f"SEATLEDGER_MASTER_KEY must be set to the content of {new}; destroy all copies of the old key")
    return 0


_IN_CLEAR = """\
forgotten. But the log holds this name in clear, from before names were encrypted, and the log cannot be
changed: answers no longer show the name, but the log and its copies still contain it."""
