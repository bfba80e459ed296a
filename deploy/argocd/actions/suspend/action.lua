-- Status goes on telling what AWS shows; nothing is written to AWS. What AWS has accepted already goes on.
if obj.spec.suspend == true then
  error("suspend is true already", 0)
end
obj.spec.suspend = true
return obj
