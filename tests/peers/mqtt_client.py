"""MQTT over WebSockets, by paho-mqtt: one client publishes, another gets it.

    mqtt_client.py PORT [CA]
"""

import os
import queue
import sys

import paho.mqtt.client as mqtt

PORT = int(sys.argv[1])
CA = sys.argv[2] if len(sys.argv) > 2 else None
PATIENCE = 30


def client(name):
    made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, transport="websockets")
    if CA:
        made.tls_set(ca_certs=CA)
    return made


arrived, subscribed, acknowledged = queue.Queue(), queue.Queue(), queue.Queue()

subscriber = client("subscriber")
subscriber.on_connect = lambda me, *_: me.subscribe("peers/#", qos=1)
subscriber.on_subscribe = lambda *_: subscribed.put(None)
subscriber.on_message = lambda _me, _user, message: arrived.put((message.topic, message.payload))
subscriber.connect("localhost", PORT)
subscriber.loop_start()
subscribed.get(timeout=PATIENCE)

publisher = client("publisher")
publisher.on_publish = lambda *_: acknowledged.put(None)
publisher.connect("localhost", PORT)
publisher.loop_start()
sent = [(f"peers/{n}", os.urandom(size)) for n, size in enumerate([0, 1, 100, 126, 5000, 70_000, 1_000_000])]
for topic, payload in sent:
    publisher.publish(topic, payload, qos=1)
for topic, payload in sent:
    acknowledged.get(timeout=PATIENCE)
    got = arrived.get(timeout=PATIENCE)
    assert got == (topic, payload), f"{got[0]} of {len(got[1])} bytes, not {topic} of {len(payload)}"

for one in [publisher, subscriber]:
    one.disconnect()
    one.loop_stop()
print("done")
