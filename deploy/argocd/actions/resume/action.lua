-- What is due is done at once.
if obj.spec.suspend ~= true then
  error("it isn't suspended", 0)
end
obj.spec.suspend = false
return obj
