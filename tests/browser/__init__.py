"""The product as people meet it: a real server process and real browsers."""
