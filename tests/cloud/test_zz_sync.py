import time, sys
import pytest
import cloudclusters as cc
from cloudclusters.testing.bed import Bed
from cloudclusters.lifecycle import preparing
pytestmark = [pytest.mark.bed, pytest.mark.timeout(170)]
HEAVY = "mypy* ruff* moto boto* cfn* hypothesis* pytest* torch sympy networkx docker openapi* pydantic* cryptography"
def where():
    import sys; return sys.executable, sys.path[:4]
def test_sync(ec2: Bed, monkeypatch, capsys):
    monkeypatch.setenv("CLOUDCLUSTERS_EC2_ENVIRONMENT", "sync")
    monkeypatch.delenv("CLOUDCLUSTERS_EC2_PYTHON")
    o=preparing._Work._run
    async def run(self, verb, *a):
        t=time.time()
        try: return await o(self, verb, *a)
        finally: print(self.node, verb, round(time.time()-t,2), file=open("/tmp/w/out.txt","a"))
    monkeypatch.setattr(preparing._Work, "_run", run)
    t=time.time()
    c = cc.deploy(cc.cluster(node_provider="ec2", node_count=2, node_machinetype="t3.xlarge", sync_exclude=HEAVY, sync_folder="/tmp/w/only"), resolve=True)
    print("deployed", time.time()-t, file=open("/tmp/w/out.txt","a"))
    print(cc.everywhere(where, c), file=open("/tmp/w/out.txt","a"))
    t=time.time(); cc.restart(c); print("restarted", time.time()-t, file=open("/tmp/w/out.txt","a"))
    t=time.time(); cc.scale(c, 3); print("scaled", time.time()-t, file=open("/tmp/w/out.txt","a"))
    print(cc.everywhere(where, c), file=open("/tmp/w/out.txt","a"))
    print(c.members, file=open("/tmp/w/out.txt","a"))
    cc.terminate(c)
