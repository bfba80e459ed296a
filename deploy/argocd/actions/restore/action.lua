-- RestoreBackup, while AWS has the backup PENDING_DELETION. A backup that is gone for good shows as RestoreWindowClosed then.
if obj.spec.desiredState == "Present" then
  error("desiredState is Present already", 0)
end
obj.spec.desiredState = "Present"
return obj
