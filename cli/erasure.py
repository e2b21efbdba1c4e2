"""Commands for personal data: `forget` a user, list erased users, `rotate-master-key`."""

import getpass
import json as json_text
from pathlib import Path
from typing import Any

from cli.existing_ledger import existing_ledger
from cli.options import DATA, JSON, LEDGER, add
from ledger import erasure
from ledger.keyring import Keyring
from ledger.master_key import find_keyring, read_check, rotate
from ledger.master_key_file import (
    MASTER_KEY_FILE,
    OLD_KEYS_FILE,
    destroy_old_keys,
    keep_old_key,
    new_key,
    require_keys,
    write_new_key,
)
from ledger.people import OtherMasterKey, is_in_clear
from runtime.settings import Settings, WrongSetting


def register(commands: Any) -> None:
    forgets = add(
        commands,
        "forget",
        forget,
        "destroy the key of a user's name; the log still replays and verifies, without the name",
        [DATA, LEDGER, JSON],
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
        "wrap all personal keys with a new master key; the old one stays for older backups",
        [DATA, LEDGER],
    ).add_argument(
        "--destroy-old",
        action="store_true",
        help="do not rotate, but destroy the old keys: backups from before the rotation then show no names",
    )


def forget(settings: Settings, user: str | None, listing: bool, again: Path | None, json: bool) -> int:
    """Erase a user. Raises NotErasable if the name is unknown or the user has open bookings."""
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
        person = erasure.erase(url, _keyring_of(url, settings), user or "", getpass.getuser())
    if json:
        print(json_text.dumps({"person": person, "in_clear": is_in_clear(person)}))
    else:
        print(_IN_CLEAR if is_in_clear(person) else f"forgotten: {person}")
    return 0


def _keyring_of(url: str, settings: Settings) -> Keyring:
    """Return the keyring of the database. Raises WrongSetting if it is not here."""
    check = read_check(url)
    keyring = find_keyring([Keyring(key) for key in require_keys(settings)], check)
    if keyring.check != check:
        raise WrongSetting(str(OtherMasterKey()))
    return keyring


def rotate_master_key(settings: Settings, destroy_old: bool) -> int:
    """Wrap all personal keys with a new master key and keep the old one; or destroy the old ones."""
    require_keys(settings)
    with existing_ledger(settings) as url:
        return _destroy_old(url, settings) if destroy_old else _rotate(url, settings)


def _rotate(url: str, settings: Settings) -> int:
    check = read_check(url)
    if check is None:
        raise WrongSetting("rotate-master-key: this ledger has no master key yet; start it once first")
    keys = require_keys(settings)
    if check in [Keyring(key).check for key in keys[1:]] and check != Keyring(keys[0]).check:
        # An interrupted rotation, or a backup from before it: the new key is there already.
        people = rotate(url, _keyring_of(url, settings), Keyring(keys[0]))
        print(f"finished the rotation: wrapped {people} keys with the newest master key")
        return 0
    old, new = keys[0], new_key()
    file = settings.data / f"{MASTER_KEY_FILE}.new"

    def store() -> None:
        if settings.master_key is None:
            keep_old_key(settings.data, old, new)
        else:
            write_new_key(file, new)

    people = rotate(url, Keyring(old), Keyring(new), store)
    print(f"wrapped {people} keys with the new master key")
    if settings.master_key is None:
        print(
            f"the new master key is in {settings.data / MASTER_KEY_FILE},"
            f" the old one beside it in {OLD_KEYS_FILE}"
        )
        print("once the last backup from before now has expired: seatledger rotate-master-key --destroy-old")
    else:
        print(
            f"SEATLEDGER_MASTER_KEY must be set to the content of {file}, and SEATLEDGER_OLD_MASTER_KEYS to"
            " the old key until the last backup from before now has expired; destroy all its copies then"
        )
    return 0


def _destroy_old(url: str, settings: Settings) -> int:
    keys = require_keys(settings)
    if read_check(url) != Keyring(keys[0]).check:
        raise WrongSetting(
            "rotate-master-key: the database does not have the newest master key; start the program, or run"
            " rotate-master-key without --destroy-old, which finishes the rotation"
        )
    times = destroy_old_keys(settings.data)
    if times:
        print(
            f"destroyed {len(times)} old master keys; backups from before {times[0]} show no names any more"
        )
    else:
        print(f"there is no old master key in {settings.data}")
    if settings.old_master_keys:
        print("SEATLEDGER_OLD_MASTER_KEYS still holds old keys: remove it, and all other copies of them")
    return 0


_IN_CLEAR = """\
forgotten. But the log holds this name in clear, from before names were encrypted, and the log cannot be
changed: answers no longer show the name, but the log and its copies still contain it."""
