"""A primary and its standby: streaming, synchronous or not, failed over, and paired again."""

from collections.abc import Mapping

from trials.programs.postgres import Ground, Server, url_of

NAMES = ("left", "right")

SETTINGS = {
    # A standby that has just lost its primary sleeps so long before it looks for a promotion (default: 5 s).
    "wal_retrieve_retry_interval": "200ms",
}


class Pair:
    """Two servers that take turns. `synchronous`: the primary waits for its standby before it answers."""

    def __init__(
        self, ground: Ground, *, synchronous: bool, settings: Mapping[str, str] | None = None
    ) -> None:
        self._ground = ground
        self._synchronous = synchronous
        self.primary = ground.new_server(NAMES[0], {**SETTINGS, **(settings or {})})
        self.standby = self._new_standby(NAMES[1])
        # Before anybody uses the pair, so that the folders in it stay the same whoever leads.
        self.url = url_of(self.primary, self.standby)

    def fail_over(self) -> None:
        """Kill the primary with all its processes, and let the standby lead, alone."""
        self.primary.kill()
        self.promote()

    def promote(self) -> None:
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def pair_again(self) -> None:
        """Make the killed server a standby of the new primary, from a copy: its own log may hold more."""
        self.standby.remove()
        self.standby = self._new_standby(self.standby.name)

    def cut_off(self) -> None:
        """The standby receives nothing any more, as if the network between the two were gone."""
        self.standby.configure(primary_conninfo="")
        self.primary.wait_until(lambda: not self.primary.ask(_STATE, self.standby.name))

    def _new_standby(self, name: str) -> Server:
        standby = self._ground.copy_of(self.primary, name, "--wal-method=stream", "--write-recovery-conf")
        with (standby.cluster / "postgresql.auto.conf").open("a") as settings:
            # Once promoted it has no standby of its own, and would wait for one.
            settings.write("synchronous_standby_names = ''\n")
        standby.start()
        wanted = "async"
        if self._synchronous:
            self.primary.configure(synchronous_standby_names=name)
            wanted = "sync"
        self.primary.wait_until(lambda: self.primary.ask(_STATE, name) == [("streaming", wanted)])
        return standby


_STATE = "select state, sync_state from pg_stat_replication where application_name = %s"
