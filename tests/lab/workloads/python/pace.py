"""What the lab asks of a workload: a line when it is filled, a wait for the start of the count, and a running total of its operations."""
import signal
import time

PRINT_EVERY_S = 0.2


def filled():
    """Says so and waits for SIGUSR1."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    print("ready", flush=True)
    signal.sigwait([signal.SIGUSR1])


class Progress:
    """Prints `ops N` now and then."""

    def __init__(self):
        self.operations, self.next_print = 0, 0.0

    def add(self, operations):
        self.operations += operations
        now = time.monotonic()
        if now >= self.next_print:
            print(f"ops {self.operations}", flush=True)
            self.next_print = now + PRINT_EVERY_S
