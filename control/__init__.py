"""accel.control: the daemon `acceld`.

`daemon` is the entry, `wiring` lists its parts, and `ports` says what these need of the data path.
"""
