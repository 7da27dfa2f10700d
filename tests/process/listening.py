"""A client on another host: ``TOKEN right|plain|unknown``. Prints how it is received."""

import sys

from health_wire import ClientKeys, CollectorClient, Invitation
from health_wire.keys import KeyPair


def main() -> None:
    invitation = Invitation.decode(sys.argv[1])
    stranger = KeyPair.generate()
    keys = {
        "right": invitation.keys,
        "plain": None,
        "unknown": ClientKeys(invitation.server_key, stranger.public, stranger.secret),
    }[sys.argv[2]]
    with CollectorClient(invitation.events, invitation.state, keys=keys, timeout=1.0) as client:
        for _ in client:
            if client.refusal or client.seq:
                print(client.refusal or client.status)
                return


if __name__ == "__main__":
    main()
