"""The roster: which live trials there are, which is next, and which worker has which."""

from search.driver.running_trial import LiveTrial

__all__ = ["Roster"]


class Roster:
    """The live trials and the workers they are on."""

    def __init__(self) -> None:
        #: Every trial that is waiting for a worker or on one, by number.
        self.live: dict[int, LiveTrial] = {}
        #: The trial that each busy worker has.
        self.busy: dict[str, int] = {}
        self._ready: set[int] = set()

    def add(self, live: LiveTrial) -> None:
        """A trial came to life; it is given out once it is ready."""
        self.live[live.number] = live

    def mark_ready(self, number: int) -> None:
        """The trial's present attempt is stored."""
        self._ready.add(number)

    def next(self, *, jump: bool) -> LiveTrial | None:
        """The waiting trial of the lowest number, if it is ready.

        A trial that lost its worker goes before those drawn after it, also while its new
        attempt is being stored: with one worker trials then end in the order of their numbers
        whatever happens, and the sampler sees what it would have seen undisturbed.

        Args:
            jump: Whether rather to take a later trial than none.
        """
        waiting = self.live.keys() - self.busy.values()
        if jump:
            waiting &= self._ready
        number = min(waiting, default=None)
        return self.live[number] if number in self._ready else None

    def give(self, worker: str, live: LiveTrial) -> None:
        """The worker, which is free, takes the trial."""
        assert worker not in self.busy, "the worker is not free"
        self._ready.remove(live.number)
        self.busy[worker] = live.number

    def on(self, worker: str) -> LiveTrial:
        """The trial that a busy worker has."""
        return self.live[self.busy[worker]]

    def free(self, worker: str) -> LiveTrial:
        """Take the worker's trial from it."""
        return self.live[self.busy.pop(worker)]

    def end(self, number: int) -> None:
        """The trial, on no worker any more, is over."""
        del self.live[number]
