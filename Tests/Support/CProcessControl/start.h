#pragma once
#include "CProcessControl.h"

/// Turns the calling process, a fresh child, into the program. Ends it with status 126 or 127 when that fails.
_Noreturn void cprocess_become(const struct cprocess_program *program);
