"""Kills of a server at moments that chance chooses: one in six within the first tenth of a second of a start."""

import random
import time

EARLY = 1 / 6


def kill_at_random(server, seed, kills, longest_seconds=0.6):
    """Kills the server and starts it again, so often; it listens afterwards."""
    chance = random.Random(seed)
    for _ in range(kills):
        if chance.random() < EARLY:
            time.sleep(chance.uniform(0, 0.1))
        else:
            server.wait_until_it_listens()
            time.sleep(chance.uniform(0.02, longest_seconds))
        server.kill()
        server.start()
    server.wait_until_it_listens()
