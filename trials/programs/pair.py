"""A primary and its standby: streaming replication, fail-over, and pairing again."""

from collections.abc import Mapping

from trials.programs.postgres import Ground, Server, url_of

NAMES = ("left", "right")

SETTINGS = {
    # A standby that lost its primary sleeps this long before it looks for a promotion (default: 5 s).
    "wal_retrieve_retry_interval": "200ms",
}


class Pair:
    """Two servers that take turns. With `synchronous` the primary waits for its standby at each commit."""

    def __init__(
        self, ground: Ground, *, synchronous: bool, settings: Mapping[str, str] | None = None
    ) -> None:
        self._ground = ground
        self._synchronous = synchronous
        self.primary = ground.new_server(NAMES[0], {**SETTINGS, **(settings or {})})
        self.standby = self._new_standby(NAMES[1])
        # The URL must not change with the roles: it is made before the first fail-over.
        self.url = url_of(self.primary, self.standby)

    def promote(self) -> None:
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def pair_again(self) -> None:
        """Make a new copy of the primary its standby: the killed server's own log may hold more."""
        self.standby.remove()
        self.standby = self._new_standby(self.standby.name)

    def cut_off(self) -> None:
        """Stop replication, as if the network between the two were gone."""
        self.standby.configure(primary_conninfo="")
        self.primary.wait_until(lambda: not self.primary.ask(_STATE, self.standby.name))

    def _new_standby(self, name: str) -> Server:
        standby = self._ground.copy_of(self.primary, name, "--wal-method=stream", "--write-recovery-conf")
        with (standby.cluster / "postgresql.auto.conf").open("a") as settings:
            # After its promotion it has no standby, and would wait for one.
            settings.write("synchronous_standby_names = ''\n")
        standby.start()
        expected = "async"
        if self._synchronous:
            self.primary.configure(synchronous_standby_names=name)
            expected = "sync"
        self.primary.wait_until(lambda: self.primary.ask(_STATE, name) == [("streaming", expected)])
        return standby


_STATE = "select state, sync_state from pg_stat_replication where application_name = %s"
