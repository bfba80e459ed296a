-- Which actions make sense now. Argo CD greys the others out, but runs them all the same when asked by its API or command line:
-- so those that change what is declared check for themselves too.
local present = obj.spec.desiredState == "Present"
local suspended = obj.spec.suspend == true

-- Gone for good, as far as a status of this manifest tells: nothing brings it back.
local gone = false
local status = obj.status or {}
if status.observedGeneration == obj.metadata.generation then
  for _, condition in ipairs(status.conditions or {}) do
    if condition.type == "Ready" and condition.reason == "Deleted" then
      gone = true
    end
  end
end

local actions = {}
actions["restore"] = {
  disabled = present or gone,
  iconClass = "fa fa-fw fa-undo",
  displayName = "Restore the backup in AWS",
}
-- Asks for the backup's id to be typed. Argo CD's own menu has a "Delete" too, which removes only the object.
actions["delete"] = {
  disabled = not present,
  iconClass = "fa fa-fw fa-trash",
  displayName = "Delete the backup in AWS",
  params = { { name = "backupId" } },
}
actions["suspend"] = {
  disabled = suspended,
  iconClass = "fa fa-fw fa-pause-circle",
  displayName = "Suspend writes to AWS",
}
actions["resume"] = {
  disabled = not suspended,
  iconClass = "fa fa-fw fa-play-circle",
  displayName = "Resume writes to AWS",
}
actions["refresh"] = {
  iconClass = "fa fa-fw fa-sync",
  displayName = "Look at AWS now",
}
return actions
