"""Recordings of events, as sensors make them, and the rules that turn them into tokens.

| module | what it holds |
|---|---|
| `events` | one recording: time, place and polarity of every event |
| `binning` | the rule: `Binning`, its options and its columns |
| `frames` | `mode = bins`: events summed over intervals of time |
| `tokens` | `mode = events`: one token per event, with the interval to the next |
| `load` | files and a rule to float64[sample, token, column] |
| `files` | which reader a file or folder is for |
| `names` | order of recordings, and their labels |
| `structured` | `.npy` and `.npz` of structured arrays or plain columns |
| `hdf5` | `.h5`: lists of times and units, structured data sets or plain columns |
| `nmnist` | `.bin` and `.bs2`, five bytes per event |
| `aedat4` | `.aedat4`, by the library `aedat` |
"""
