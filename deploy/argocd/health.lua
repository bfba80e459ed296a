-- The health of a CloudHsmBackup. Its status follows kstatus: `Ready` is always there once the operator has seen the object,
-- `Reconciling` and `Stalled` only while they are True, and `observedGeneration` (-1 at first) says which generation the status is of.
-- https://github.com/cloudhsm-dev/cloudhsm-backup-operator/blob/main/docs/guides/argocd.md
local function health(status, message)
  return { status = status, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "this object is being removed; that changes nothing in AWS")
end

local status = obj.status or {}
if status.observedGeneration == nil or status.observedGeneration == -1 then
  return health("Progressing", "waiting for the operator to see this object")
end
-- What the status says was true of an earlier manifest.
if status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "waiting for the operator to see the last change of this object")
end

local ready = {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Stalled" and condition.status == "True" then
    -- Before anything about suspend: what only a human can mend needs mending, suspended or not.
    return health("Degraded", condition.message)
  end
  if condition.type == "Ready" then
    ready = condition
  end
end

if ready.status == "True" then
  if obj.spec.suspend == true then
    return health("Healthy", "suspended, and nothing is due: " .. (ready.message or ""))
  end
  return health("Healthy", ready.message)
end
-- A call to AWS is due and held on purpose: it waits for somebody to lift that.
if ready.reason == "Suspended" or ready.reason == "WriteNotAllowed" then
  return health("Suspended", ready.message)
end
return health("Progressing", ready.message or "waiting for the operator to report")
