"""The suite: runs every catalog entry on a framework and judges what comes back.

pytest --pyargs einport.suite --backend torch --device cpu
"""
