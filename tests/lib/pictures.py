"""Pictures for tests: PNGs of any size, made here, and the smallest of the other kinds."""
import base64
import hashlib
import random
import struct
import zlib

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/"
    "2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAGAAgDASIAAhEBAxEB/8QA"
    "FQABAQAAAAAAAAAAAAAAAAAAAAP/xAAZEAEAAgMAAAAAAAAAAAAAAAAAAgQFITH/xAAVAQEBAAAAAAAAAAAAAAAAAAACBP/EABoRAAICAwAAAAAAAAAAAAAA"
    "AAACAzEEERL/2gAMAwEAAhEDEQA/AJ1sdDXAEzu27HjyPxZ//9k=")
GIF = base64.b64decode(
    "R0lGODdhCAAGAIUAANLIWrTIWpbIWtKgWrSgWpagWnjIWlrIWnigWlqgWtJ4WrR4WpZ4Wnh4Wlp4WjzIWh7IWgDIWjygWh6gWgCgWjx4Wh54WgB4WtJQWrRQ"
    "WpZQWnhQWlpQWjxQWh5QWgBQWtIoWrQoWpYoWtIAWrQAWpYAWngoWlooWngAWloAWjwoWh4oWgAoWjwAWh4AWgAAWgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACwAAAAACAAGAAAIOQBfuGiRAkUJEiNYrFBxwoSIECA+eOjAYYOGDBguWKjgoAGDBQooTJCQAEEBAgMiQHhwwICA"
    "AAACAgA7")
WEBP = base64.b64decode(
    "UklGRioAAABXRUJQVlA4TB4AAAAvB0ABALmM6H/sIqL/ASEBYY7/GyULxmO0YgKQWjY=")
SIDES = (8, 6)  # of these three


def png(width, height, seed=0, plain=False):
    """Noise that does not compress, or one colour that does."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    noise = random.Random(seed)
    line = bytes([seed % 256]) * (3 * width)
    rows = b"".join(b"\0" + (line if plain else noise.randbytes(3 * width)) for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def hash_of(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()
