-- DeleteBackup. It can't be run on many objects at once: the id of the backup has to be typed.
if obj.spec.desiredState == "Deleted" then
  error("desiredState is Deleted already", 0)
end
if (actionParams or {})["backupId"] ~= obj.spec.backupId then
  error("to delete the backup in AWS, give its id as the parameter backupId: " .. obj.spec.backupId, 0)
end
obj.spec.desiredState = "Deleted"
return obj
