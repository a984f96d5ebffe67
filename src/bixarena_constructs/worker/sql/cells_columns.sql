-- Which columns a relation has, in every server's way.
SELECT * FROM {relation} LIMIT 0;
