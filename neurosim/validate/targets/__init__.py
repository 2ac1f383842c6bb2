"""The targets, one file per family; the order is that of the table."""

from neurosim.validate.rows import Target
from neurosim.validate.targets import keywords, knn, lsnn, odin, pilotnet, sanafe, streaming, truenorth

TARGETS: tuple[Target, ...] = (*pilotnet.TARGETS, *streaming.TARGETS, *lsnn.TARGETS, *keywords.TARGETS,
                               *truenorth.TARGETS, *odin.TARGETS, *knn.TARGETS, *sanafe.TARGETS)
