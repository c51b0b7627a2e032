import numpy as np
from numpy.typing import NDArray

def fill(claimants: NDArray[np.uint32], out: NDArray[np.uint16]) -> None: ...
