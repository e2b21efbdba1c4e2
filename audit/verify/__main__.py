"""`python -m audit.verify [FIRST [LAST]]`: verify the database in DATABASE_URL and print the result.

The API runs this as a process of its own, because verification keeps a core busy. It starts no worker
processes, so the other cores stay free for requests.
"""

import gc
import os
import sys
from collections.abc import Sequence

import msgspec

from audit.proofs.checkpoint import read_public_keys
from audit.proofs.keys import read_public_pem
from audit.verify import verify, verify_part
from runtime.environment import read_settings


def main(arguments: Sequence[str]) -> None:
    """Raises psycopg.Error, ValueError, WrongSetting, OSError."""
    gc.disable()  # as in `audit.verify.workers`
    url = os.environ["DATABASE_URL"]
    if arguments:
        first, *last = (int(argument) for argument in arguments)
        result = verify_part(url, first, last[0] if last else None)
    else:
        pem = read_public_pem(read_settings())
        result = verify(url, workers=1, keys=read_public_keys(pem.encode()) if pem else {})
    # The list of unchecked columns is the same at each call; `seatledger verify --json` has it.
    print(msgspec.json.encode(msgspec.structs.replace(result, unchecked=[])).decode())


if __name__ == "__main__":
    main(sys.argv[1:])
