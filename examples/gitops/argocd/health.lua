-- Health of the resources of opendoor.dev in Argo CD. `obj` is the object as the cluster holds it.
--
-- An offline lock never touches Ready: a removal that is done in DOOR OS is Healthy, and its message says
-- which locks still have to be visited.

-- Stalled for one of these is people's turn, outside Git and this product: nothing failed.
local people = {
  AwaitingAuthorization = true,
  Suspended = true,
  ObserveOnly = true,
  DoorSyncRequired = true,
  NoDevice = true,
  ReplacedEntry = true,
  LockNotProven = true,
  Attested = true,
  DoorGone = true,
}

local hs = { status = "Progressing", message = "The operator has not looked at it yet." }
local status = obj.status or {}
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end

local function is(kind)
  return found[kind] ~= nil and found[kind].status == "True"
end

local function said(kind)
  return found[kind].reason .. ": " .. (found[kind].message or "")
end

if obj.metadata.deletionTimestamp ~= nil then
  hs.message = "Being deleted: its access is taken away first."
  if is("Stalled") then
    hs.message = hs.message .. " " .. said("Stalled")
  elseif found.Ready ~= nil and found.Ready.status ~= "True" then
    hs.message = hs.message .. " " .. said("Ready")
  end
  return hs
end

-- -1 is the default of the definitions: nobody has looked yet.
local seen = status.observedGeneration
if seen == nil or seen < (obj.metadata.generation or 0) then
  return hs
end

if obj.kind == "DoorSyncOrder" then
  if is("SyncRequired") then
    hs.status = "Suspended"
    hs.message = said("SyncRequired")
  elseif found.SyncRequired ~= nil then
    hs.status = "Healthy"
    hs.message = found.SyncRequired.message
  end
  return hs
end

if is("Ready") then
  hs.status = "Healthy"
  hs.message = found.Ready.message
  if is("SyncRequired") then
    hs.message = (hs.message or "") .. " " .. said("SyncRequired")
  end
elseif is("Stalled") then
  hs.status = "Degraded"
  if people[found.Stalled.reason] then
    hs.status = "Suspended"
  end
  hs.message = said("Stalled")
elseif found.Ready ~= nil then
  hs.message = said("Ready")
end
return hs
