-- A look at AWS now; status.lastHandledRequestedAt echoes the value with the first status that answers it.
local os = require("os")
local annotations = obj.metadata.annotations or {}
annotations["cloudhsm.dev/requested-at"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
obj.metadata.annotations = annotations
return obj
