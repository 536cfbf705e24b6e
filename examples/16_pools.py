"""A group with a bound: a pool of two never runs more than two at once."""

import gevent
from gevent.pool import Pool

pool = Pool(2)


def size(_number):
    gevent.sleep(0.01)
    return len(pool)


print("most in the pool:", max(pool.map(size, range(3))))


class Reception:
    """Lets in as many guests as it has chairs, and turns the others away at once."""

    def __init__(self, chairs):
        self.guests = Pool(chairs)

    def welcome(self, name):
        if self.guests.full():
            print(f"{name}: sorry, we are full")
            return
        print(f"{name}: come in")
        self.guests.spawn(self.serve)

    def serve(self):
        gevent.sleep(1000)

    def close(self):
        self.guests.kill()


reception = Reception(2)
for name in ("ada", "ben", "cleo"):
    reception.welcome(name)
    gevent.sleep(0)
print("guests inside:", len(reception.guests))
reception.close()
print("guests after closing time:", len(reception.guests))
