"""What goes in and out. Input refuses unknown fields and values of the wrong type; every text and list has a bound."""
